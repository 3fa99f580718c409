package integration

import (
	"os/exec"
	"syscall"
)

// endWithTest has the kernel end cmd when the test does, however it does: a server that a test which timed out left behind would
// hold its ports for ever.
func endWithTest(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
