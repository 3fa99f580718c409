//go:build !linux

package integration

// memory, resident and files are not known here.
func (n *node) memory() uint64 { return 0 }

func (n *node) resident() uint64 { return 0 }

func (n *node) files() int { return -1 }
