package image

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/mangrove-dns/mangrove/zones"
)

// A file holds images. All numbers are little-endian:
//
//	head      64 octets: magic, then zeros
//	arenas    each at a multiple of 64, large ones of 4096
//	contents  for each image 24 octets: where its arena starts and its size, 64 bits each, where its head starts within the
//	          contents and its size, 32 bits each; then the heads
//	foot      32 octets: magic; where the contents start and their size, 64 bits each; how many images, 32 bits;
//	          CRC32C of the contents and the foot before, 32 bits
//
// The checksum of an arena is in its head.
const (
	fileMagic  = "mgzones\x01"
	headSize   = 64
	recordSize = 24
	footSize   = 32
	nameSuffix = ".zones"

	arenaAlign = 64   // a bucket of an index is a line of the cache
	largeAlign = 4096 // a page, so that moving a zone to memory frees all of its pages
	largeArena = 64 << 10

	// So much of a file's contents is believed before its checksum is known: a file has at most as many images.
	maxImages = 1 << 24
)

// ErrDamaged is wrapped by errors about files and images that are not what was written.
var ErrDamaged = errors.New("damaged")

func fileName(number uint32) string { return fmt.Sprintf("%08x%s", number, nameSuffix) }

// writer writes a file of images.
type writer struct {
	out     *bufio.Writer
	at      int64
	end     int64 // of the arenas
	records []byte
	heads   []byte
	count   uint32
}

// newWriter starts a file.
func newWriter(f io.Writer) (*writer, error) {
	w := &writer{out: bufio.NewWriterSize(f, 1<<20)}
	head := make([]byte, headSize)
	copy(head, fileMagic)
	return w, w.write(head)
}

func (w *writer) write(b []byte) error {
	n, err := w.out.Write(b)
	w.at += int64(n)
	return err
}

// add writes an image.
func (w *writer) add(head, arena []byte) error {
	align := int64(arenaAlign)
	if len(arena) >= largeArena {
		align = largeAlign
	}
	if gap := -w.at & (align - 1); gap > 0 {
		if err := w.write(make([]byte, gap)); err != nil {
			return err
		}
	}
	le := binary.LittleEndian
	w.records = le.AppendUint64(w.records, uint64(w.at))
	w.records = le.AppendUint64(w.records, uint64(len(arena)))
	w.records = le.AppendUint32(w.records, uint32(len(w.heads))) // from the first head; finish adds where that is
	w.records = le.AppendUint32(w.records, uint32(len(head)))
	w.heads = append(w.heads, head...)
	w.count++
	return w.write(arena)
}

// finish writes what stands behind the arenas.
func (w *writer) finish() error {
	le := binary.LittleEndian
	w.end = w.at
	for at := 0; at < len(w.records); at += recordSize {
		le.PutUint32(w.records[at+16:], le.Uint32(w.records[at+16:])+uint32(len(w.records)))
	}
	foot := append(make([]byte, 0, footSize), fileMagic...)
	foot = le.AppendUint64(foot, uint64(w.at))
	foot = le.AppendUint64(foot, uint64(len(w.records)+len(w.heads)))
	foot = le.AppendUint32(foot, w.count)
	sum := crc32.Update(crc32.Checksum(w.records, castagnoli), castagnoli, w.heads)
	foot = le.AppendUint32(foot, crc32.Update(sum, castagnoli, foot))
	return errors.Join(w.write(w.records), w.write(w.heads), w.write(foot), w.out.Flush())
}

// contents returns what finish has written.
func (w *writer) contents() contents {
	return contents{size: w.at, at: w.end, count: int(w.count), b: append(w.records, w.heads...)}
}

// contents is what a file says of its images.
type contents struct {
	size  int64 // of the file
	at    int64 // where they start in it
	count int
	b     []byte
}

// readContents reads and verifies the contents of a file of size octets.
func readContents(f io.ReaderAt, size int64) (c contents, err error) {
	if size < headSize+footSize {
		return c, fmt.Errorf("%w: %d octets are no file of zones", ErrDamaged, size)
	}
	foot := make([]byte, footSize)
	if err := readAt(f, foot, size-footSize); err != nil {
		return c, err
	}
	le := binary.LittleEndian
	at, octets, count := le.Uint64(foot[8:]), le.Uint64(foot[16:]), le.Uint32(foot[24:])
	if string(foot[:8]) != fileMagic || at < headSize || octets > uint64(size) || at != uint64(size)-footSize-octets ||
		count > maxImages || uint64(count)*recordSize > octets {
		return c, fmt.Errorf("%w: no foot", ErrDamaged)
	}
	c = contents{size: size, at: int64(at), count: int(count), b: make([]byte, octets)}
	if err := readAt(f, c.b, c.at); err != nil {
		return c, err
	}
	return c, c.verify(foot)
}

// verify verifies the contents and what each record says.
func (c contents) verify(foot []byte) error {
	le := binary.LittleEndian
	if le.Uint32(foot[28:]) != crc32.Update(crc32.Checksum(c.b, castagnoli), castagnoli, foot[:28]) {
		return fmt.Errorf("%w: checksum of the contents differs", ErrDamaged)
	}
	for i := range c.count {
		r := c.b[i*recordSize:]
		at, size, head, headSize := le.Uint64(r), le.Uint64(r[8:]), uint64(le.Uint32(r[16:])), uint64(le.Uint32(r[20:]))
		if at > uint64(c.at) || size > uint64(c.at)-at || head+headSize > uint64(len(c.b)) {
			return fmt.Errorf("%w: image %d beyond the end", ErrDamaged, i)
		}
		if _, _, ok := zones.ImageOf(c.b[head:][:headSize]); !ok {
			return fmt.Errorf("%w: image %d has no head", ErrDamaged, i)
		}
	}
	return nil
}

// arena returns where in the file the arena of image i is.
func (c contents) arena(i int) (at, size int64) {
	r := c.b[i*recordSize:]
	return int64(binary.LittleEndian.Uint64(r)), int64(binary.LittleEndian.Uint64(r[8:]))
}

// head returns the head of image i.
func (c contents) head(i int) []byte {
	r := c.b[i*recordSize:]
	return c.b[binary.LittleEndian.Uint32(r[16:]):][:binary.LittleEndian.Uint32(r[20:])]
}

// openFile opens the file at path and reads its contents.
func openFile(path string) (f *os.File, c contents, err error) {
	if f, err = os.Open(path); err != nil {
		return nil, c, err
	}
	st, err := f.Stat()
	if err == nil {
		c, err = readContents(f, st.Size())
	}
	if err != nil {
		return nil, c, errors.Join(err, f.Close())
	}
	return f, c, nil
}

// openRecord opens the file at path, of size octets with contents at at, and reads what they say about image i. The image
// has a checksum of its own, so theirs is not needed.
func openRecord(path string, at, size int64, i int) (f *os.File, c contents, err error) {
	if f, err = os.Open(path); err != nil {
		return nil, c, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	c = contents{size: size, at: at, count: 1, b: make([]byte, recordSize)}
	if err := readAt(f, c.b, at+int64(i)*recordSize); err != nil {
		return nil, c, err
	}
	le := binary.LittleEndian
	start, arena, head, octets := le.Uint64(c.b), le.Uint64(c.b[8:]), int64(le.Uint32(c.b[16:])), int64(le.Uint32(c.b[20:]))
	if start > uint64(at) || arena > uint64(at)-start || head+octets > size-footSize-at {
		return nil, c, fmt.Errorf("%w: image %d beyond the end", ErrDamaged, i)
	}
	c.b = append(c.b, make([]byte, octets)...)
	le.PutUint32(c.b[16:], recordSize)
	return f, c, readAt(f, c.b[recordSize:], at+head)
}

// readAt fills b with what is at off; that the file ends before is damage.
func readAt(f io.ReaderAt, b []byte, off int64) error {
	_, err := f.ReadAt(b, off)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the file ends early", ErrDamaged)
	}
	return err
}
