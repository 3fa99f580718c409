package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mangrove-dns/mangrove/zones"
)

func (c *cli) zoneCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "zone",
		Short: "Work on one zone: its file, and what was served of it",
		RunE:  needsCommand,
	}
	cmd.AddCommand(c.zoneFmtCommand(), c.zoneDiffCommand(), c.zoneShowCommand(), c.zoneHistoryCommand(), c.zoneRollbackCommand(), c.zoneDigestCommand(), &cobra.Command{
		Use:   "forget ZONE",
		Short: "Stop serving a zone whose file is gone",
		Long: `A zone whose file vanishes is served on, because a missing file is a mistake more often than a wish. Forget ends that. What its
providers hold is left as it is.`,
		Example: "  mangrove zone forget example.com",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			origin, err := zones.ParseName(args[0])
			if err != nil {
				return usageError{cmd.CommandPath(), err}
			}
			op, err := c.operator(cmd.Context())
			if err != nil {
				return err
			}
			defer op.Close()
			if err := op.Forget(cmd.Context(), origin); err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "%s forgotten\n", origin)
			return nil
		},
	})
	return cmd
}

func (c *cli) storeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Check or back up what is kept in the data directory",
		RunE:  needsCommand,
	}
	cmd.AddCommand(&cobra.Command{
		Use:     "check",
		Short:   "Verify everything that the store holds",
		Example: "  mangrove store check",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			op, err := c.storeOperator(cmd.Context())
			if err != nil {
				return err
			}
			defer op.Close()
			findings, err := op.StoreCheck(cmd.Context())
			if err != nil {
				return err
			}
			for _, f := range findings {
				fmt.Fprintln(c.stdout, f)
			}
			if len(findings) > 0 {
				fmt.Fprintln(c.stdout, count(len(findings), "problem"))
				return exitError(exitProblems)
			}
			fmt.Fprintln(c.stdout, "OK")
			return nil
		},
	}, &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the store while it is in use",
		Long: `Backup writes a consistent copy of the store to FILE, a tar archive, also while mangrove serve runs. To go back to it, stop the
server, move mangrove.db and images/ in the data directory away, and unpack the archive there: tar -xf FILE -C data`,
		Example: "  mangrove store backup /var/backups/mangrove.tar",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			op, err := c.storeOperator(cmd.Context())
			if err != nil {
				return err
			}
			defer op.Close()
			size, err := backupTo(args[0], func(f *os.File) error { return op.Backup(cmd.Context(), f) })
			if err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "%s: %d bytes\n", args[0], size)
			return nil
		},
	})
	return cmd
}

// backupTo writes a file aside and renames it, so that path is never half a backup.
func backupTo(path string, write func(*os.File) error) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".mangrove-backup-*")
	if err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = errors.Join(write(f), f.Sync())
	info, serr := f.Stat()
	if err = errors.Join(err, serr, f.Close()); err != nil {
		return 0, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	return info.Size(), nil
}
