package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// thisMachine describes where the program runs.
func thisMachine() machine {
	m := machine{CPU: valueOf("/proc/cpuinfo", "model name", ":"), CPUs: runtime.NumCPU(), System: strings.Trim(valueOf("/etc/os-release", "PRETTY_NAME", "="), `"`),
		Go: runtime.Version()}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err == nil {
		m.Kernel = unix.ByteSliceToString(uts.Sysname[:]) + " " + unix.ByteSliceToString(uts.Release[:]) + " " + unix.ByteSliceToString(uts.Machine[:])
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		m.Memory = fmt.Sprintf("%d GB", (uint64(info.Totalram)*uint64(info.Unit)+1<<29)>>30)
	}
	return m
}

// valueOf returns the first value of a key in a file of lines "KEY SEPARATOR VALUE".
func valueOf(path, key, separator string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		k, v, ok := strings.Cut(line, separator)
		if ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
