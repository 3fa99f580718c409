package zonefile

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// manyA is a zone of n A records, each at its own name.
func manyA(n int) []byte {
	var b bytes.Buffer
	b.WriteString(top)
	for i := range n {
		fmt.Fprintf(&b, "host-%d\t300\tIN\tA\t10.%d.%d.%d\n", i, i>>16&255, i>>8&255, i&255)
	}
	return b.Bytes()
}

func BenchmarkParse(b *testing.B) {
	const n = 100_000
	text := manyA(n)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := ParseBytes("example.org.zone", text, Options{})
		if err != nil || r.Zone == nil {
			b.Fatal(err, r.Problems)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}

// BenchmarkParse1M reads a file of a million records, from the file system to the finished zone.
func BenchmarkParse1M(b *testing.B) {
	const n = 1_000_000
	path := filepath.Join(b.TempDir(), "example.org.zone")
	text := manyA(n)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var r Reader
	for b.Loop() {
		res, err := r.Parse(b.Context(), path, Options{})
		if err != nil || res.Zone == nil {
			b.Fatal(err, res.Problems)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}

// BenchmarkParseSmall reads one small file after the other.
func BenchmarkParseSmall(b *testing.B) {
	path := filepath.Join(b.TempDir(), "example.org.zone")
	if err := os.WriteFile(path, []byte(top+"ns A 192.0.2.1\nwww A 192.0.2.2\nwww AAAA 2001:db8::2\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var r Reader
	for b.Loop() {
		res, err := r.Parse(b.Context(), path, Options{})
		if err != nil || res.Zone == nil {
			b.Fatal(err, res.Problems)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	const n = 100_000
	r, err := ParseBytes("example.org.zone", manyA(n), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := Write(io.Discard, r.Zone, WriteOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}

// BenchmarkScan looks at a directory of 10,000 zones, as the poll does and each event that leads to another file.
func BenchmarkScan(b *testing.B) {
	const n = 10_000
	dir := b.TempDir()
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("zone-%d.example.zone", i)), nil, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	w := NewWatcher(WatchOptions{Dir: dir})
	if _, err := w.Scan(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w.scan()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/file")
}
