package main

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// What runs aside has a low priority, and no thread keeps it afterwards.
func TestAside(t *testing.T) {
	nice := func(tid int) int {
		n, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
		if err != nil {
			t.Fatal(err)
		}
		return 20 - n // as the system call has it
	}
	before := nice(unix.Gettid())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			aside(func() {
				if got := nice(unix.Gettid()); got != max(before, asideNice) {
					t.Errorf("nice is %d aside, want %d", got, asideNice)
				}
			})
			if got := nice(unix.Gettid()); got != before {
				t.Errorf("nice is %d behind it, was %d", got, before)
			}
		})
	}
	all.Wait()
}
