package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// asideNice is the priority of threads that work aside: about a tenth of a core where answers want all of it.
const asideNice = 10

// aside runs f on a thread of low priority and returns when it is done: reading zones, hashing and writing files take what
// answers leave. The thread ends with f: a process without privileges cannot raise its priority again.
func aside(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked
		// An error leaves the thread as it is: what is done on it is the same, only not as politely.
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), asideNice)
		f()
	}()
	<-done
}
