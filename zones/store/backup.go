package store

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// Backup implements Store: a tar archive of what belongs into the data directory.
func (s *Bolt) Backup(ctx context.Context, w io.Writer) (err error) {
	// Files stay as long as they are held, so those that the transaction refers to are there while it lasts.
	release := s.images.Hold()
	defer func() { err = errors.Join(err, release()) }()
	return s.view(ctx, "back up store", func(tx *bolt.Tx) error {
		out := tar.NewWriter(w)
		if err := s.backupDatabase(tx, out); err != nil {
			return err
		}
		for _, name := range s.images.Files() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := backupFile(out, filepath.Join(s.images.Path(), name), path.Join(imagesDir, name)); err != nil {
				return err
			}
		}
		return out.Close()
	})
}

func (s *Bolt) backupDatabase(tx *bolt.Tx, out *tar.Writer) error {
	st, err := os.Stat(s.db.Path())
	if err != nil {
		return err
	}
	if err := out.WriteHeader(&tar.Header{Name: FileName, Mode: 0o600, Size: tx.Size(), ModTime: st.ModTime()}); err != nil {
		return err
	}
	_, err = tx.WriteTo(out)
	return err
}

// backupFile writes the file at from under a name.
func backupFile(out *tar.Writer, from, name string) (err error) {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: st.Size(), ModTime: st.ModTime()}); err != nil {
		return err
	}
	_, err = io.Copy(out, f)
	return err
}
