//go:build !linux

package integration

// memory, resident, files and maps are not known here.
func (n *node) memory() uint64 { return 0 }

func (n *node) resident() uint64 { return 0 }

func (n *node) files() int { return -1 }

func (n *node) maps(string) (mapped, known bool) { return false, false }
