//go:build !unix

package zonefile

import "os"

func openFile(path string) (*os.File, error) { return os.Open(path) }
