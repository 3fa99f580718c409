// Package zonefile turns master files (RFC 1035 5) into zones and zones into master files, and watches the files.
//
// # Reading
//
// Parse reads a file with all that it includes. It is made for people who edit by hand: every problem of the file is
// found in one pass, each with file, line and column, and a zone comes out only of a file without errors. So it does not
// hand the file to one parser that stops at the first mistake; it takes three steps:
//
//	scanner     text -> logical records: tokens with their places; knows comments, quotes, parentheses, nothing else
//	parser      logical record -> directive, or owner, TTL, class, type; the zone's state ($ORIGIN, $TTL, last owner)
//	rdata       tokens -> wire form, by the fields that a type has (layouts.go): all types with a text form that BIND or
//	            github.com/miekg/dns know
//
// Large files are read in a shorter way (Reader, plain.go, window.go): the file passes piece by piece through a
// window, lines that are one record of a common type and have nothing unusual go straight from the text to wire form, without
// tokens and names, and the records into a zones.Packer. Where a line is not plain, the three steps read it. Where the
// file has an error, or what only a zones.Builder can tell (records that stand twice, TTLs that differ), it is read again, by
// the three steps and with a builder: they alone say what is wrong. Places of records are not noted on the way;
// they are looked for in the file when somebody asks. FuzzPlain holds all ways to one result.
//
// A record that cannot be read is reported and left out, and reading goes on with the next logical record. A quote ends
// with its line. A parenthesis that is still open at the end of the file is reported where it was opened; the record is then
// read again, up to the first line that looks like another record. What follows from a mistake is not told of as more of them: the lines
// that a string goes over, where none may, or the numbers of a SOA whose parenthesis is missing.
//
// Where RFC 1035 leaves room, the package does as BIND 9 does: an included file may change $TTL for what follows it,
// but neither origin nor last owner; it inherits both. A SOA without any TTL takes its MINIMUM, which stands for a $TTL
// then. $GENERATE is BIND's.
//
//   - Stricter than BIND: a record outside the zone is an error, names are not quoted, a TTL above 2^31-1 is an error, $GENERATE
//     makes no negative numbers, and an offset counts for its own ${} alone (BIND adds it to each $ behind it in the word: that is said).
//   - More liberal: $GENERATE takes RDATA of several words.
//   - Otherwise: relative paths of included files start where the file is that includes them, not in a directory that is configured.
//
// What a record means next to others (a CNAME beside an A) is not looked at here: that is zones.Check.
//
// Standards: RFC 1035 5, RFC 2181 5.2 and 8 (TTLs), RFC 2308 4 ($TTL), RFC 3597 5 (unknown types),
// RFC 6895 3.1 (types that no zone holds).
//
// # Writing
//
// Write makes one text of one zone, always the same, which BIND, Knot and NSD read as the same zone, as Parse does. Types that older
// servers may not know by name, and data that does not come back from its presentation form as it was,
// are written in the form of RFC 3597. ALIAS, which is Mangrove's and PowerDNS's own, has its name: others could do nothing with it.
//
// # Formatting
//
// Format lays out a file that people edit: outline.go takes it apart into pieces (directives, records, comments), with
// the scanner's tokens as they are written; layout.go puts them together in columns; sort.go orders records where that is
// asked for. None of them knows what data mean. So that nothing can change by it, the text that comes out is read again and held to
// what was read before, record by record. FuzzFormat looks for texts that are not their own form, or lose a comment.
//
// # Watching
//
// Watcher reports which files changed. It never reads or interprets them. Its promises are:
//
//   - A file is reported when its size, times and inode have rested for a while (Settle), never half written;
//     files that change together are one batch.
//   - A file that never rests holds up the others for a second at most.
//   - A file is gone only when it stayed away that long, and never because the directory could not be read or holds nothing
//     any more: that is a fact about the directory (Batch.DirError).
//   - No change is lost: not by a full event queue, nor by a swapped symbolic link, nor where there are no events at all. The
//     directory is scanned again then, or by the poll; what counts is always the difference between what was reported and what is there.
package zonefile
