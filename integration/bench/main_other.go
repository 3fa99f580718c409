//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: measures on Linux alone: it needs recvmmsg, CPU clocks of other processes, and /proc")
	os.Exit(1)
}
