// Package zonefile mirrors zones into a directory of master files (RFC 1035 5): a backup that any name server loads, and
// the mirror that needs no account.
//
// A zone example.org is held in DIRECTORY/example.org.zone, as a whole: the apex SOA and NS are ours there, and the SOA's serial
// follows the served one with every change. A file is written aside, synced to the disk and renamed over the old
// one: whoever reads it sees the old or the new zone, never a part. The directory is made if only its last element is missing;
// a missing parent is an error (a disk that is not mounted is not an empty mirror).
//
// How a zone is written and read is given from outside (Options), so that there is one writer and one parser in the program.
//
// What others write into the file is kept as foreign records like anywhere else; comments are not. Compare-and-swap is
// by reading just before the rename: an edit that falls into that moment is lost, and seen by nobody.
package zonefile
