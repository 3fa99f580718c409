//go:build !linux

package store

// forgetPages does nothing here.
func (s *Bolt) forgetPages() {}
