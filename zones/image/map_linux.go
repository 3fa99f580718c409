package image

import "golang.org/x/sys/unix"

// populate has all pages mapped at once, read ahead where they are not in memory: without it each is a fault of its own.
const populate = unix.MAP_POPULATE
