package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// Exit codes, the same for every command.
const (
	exitDone     = 0
	exitProblems = 1
	exitUsage    = 2
	exitChanges  = 3 // plan --exit-code: changes wait
	exitBlocked  = 4 // plan --exit-code: a guard blocks them
)

// run is the program without the process: it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal cuts the wait: from the first on, signals have their usual effect again.
	context.AfterFunc(ctx, stop)

	c := &cli{stdout: stdout, stderr: stderr}
	root := c.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var code exitError
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "mangrove: %v\nmangrove: hint: see \"%s --help\"\n", usage.err, usage.command)
		return exitUsage
	case strings.HasPrefix(err.Error(), "unknown command"):
		// The library's own words have suggestions on lines of their own.
		what, suggested, _ := strings.Cut(err.Error(), "\n")
		c.say("%s", what)
		if words := strings.Fields(suggested); len(words) > 0 && strings.HasPrefix(suggested, "\nDid you mean") {
			c.say("hint: did you mean \"mangrove %s\"?", words[len(words)-1])
		} else {
			c.say("hint: \"mangrove --help\" lists the commands")
		}
		return exitUsage
	}
	c.complain(err)
	return exitProblems
}

// cli is what the commands share: where they print, and the flags that all have.
type cli struct {
	stdout, stderr io.Writer

	configPath string
	flags      flagValues
	json       bool
}

// complain prints an error, and what to do about it.
func (c *cli) complain(err error) {
	c.say("%v", err)
	var h hinted
	if errors.As(err, &h) {
		c.say("hint: %s", h.hint)
	}
}

// say prints talk: a line on standard error.
func (c *cli) say(format string, args ...any) {
	fmt.Fprintf(c.stderr, "mangrove: "+format+"\n", args...)
}

// exitError ends the program with a code after everything has been printed.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// usageError is a mistake in how a command was called.
type usageError struct {
	command string
	err     error
}

func (e usageError) Error() string { return e.err.Error() }

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// root is the table of commands.
func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "mangrove",
		Short: "Authoritative DNS that outlives any one provider",
		Long: `Mangrove answers authoritatively from zone files, mirrors the zones to other DNS services, checks the health of the
targets that records point at, and withdraws the records of dead ones everywhere.`,
		Example: `  mangrove demo                                                     # see it all on loopback, nothing to set up
  mangrove serve --zones ./zones --listen 127.0.0.1:5353 --data ./data`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	flags := root.PersistentFlags()
	flags.StringVarP(&c.configPath, "config", "c", "", "configuration file (default ./mangrove.yaml, else /etc/mangrove/mangrove.yaml)")
	flags.StringVar(&c.flags.zones, "zones", "", "directory of zone files (default as configured, else ./zones)")
	flags.StringVar(&c.flags.data, "data", "", "directory of the store (default as configured, else ./data)")
	root.AddCommand(
		c.serveCommand(),
		c.checkCommand(),
		c.planCommand(),
		c.pushCommand(),
		c.statusCommand(),
		c.reloadCommand(),
		c.configCommand(),
		c.zoneCommand(),
		c.storeCommand(),
		c.demoCommand(),
		c.versionCommand(),
	)
	for _, cmd := range root.Commands() {
		wrapUsage(cmd)
	}
	wrapUsage(root)
	return root
}

// needsCommand is what a command does that only holds others.
func needsCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{cmd.CommandPath(), fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())}
	}
	return usageError{cmd.CommandPath(), fmt.Errorf("%q needs a command", cmd.CommandPath())}
}

// argumentProblem says what arguments a command wants where it got fewer or more; cobra only counts them.
func argumentProblem(cmd *cobra.Command, given int, err error) error {
	_, wants, ok := strings.Cut(cmd.Use, " ")
	if !ok || !strings.HasPrefix(err.Error(), "accepts ") {
		return err
	}
	return fmt.Errorf("%q wants %s, and got %s", cmd.CommandPath(), wants, count(given, "argument"))
}

// wrapUsage makes mistakes in flags and arguments usage errors, for cmd and what is below it.
func wrapUsage(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{cmd.CommandPath(), err} })
	if args := cmd.Args; args != nil {
		cmd.Args = func(cmd *cobra.Command, given []string) error {
			if err := args(cmd, given); err != nil {
				return usageError{cmd.CommandPath(), argumentProblem(cmd, len(given), err)}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		wrapUsage(sub)
	}
}
