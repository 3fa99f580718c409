//go:build !amd64 && !arm64

package zones

func prefetchLine(*byte) {}

func prefetchNode(*byte) {}

func prefetchSlot(*catalogSlot) {}

func prefetchZone(*Zone) {}

func prefetchString(string) {}
