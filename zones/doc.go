// Package zones is the model that everything else in Mangrove speaks: names, RRsets, immutable zones,
// their differences, and the catalog of what is served. It is pure: no files, no sockets, no clock.
package zones
