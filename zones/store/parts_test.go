//go:build !linux

package store_test

func parts() map[string]func(place string) error {
	return map[string]func(place string) error{"write": writeForEver}
}
