package live

import (
	"errors"
	"fmt"

	"github.com/mangrove-dns/mangrove/zones"
)

// ErrSigned is returned for changes of a zone that comes signed: its signatures would not cover them.
var ErrSigned = errors.New("the zone is signed: records that are changed would not be covered by their signatures")

// A zone that comes signed has the serial of its file, always: another would break the signature of its SOA record, and with
// it every answer that something does not exist. Where that serial does not rise above the journaled one, the content is
// served with it nevertheless, is told of as unreserved, and is not journaled: the store, secondaries and providers take
// one content for one serial.

// fixed says whether z, which may be nil, can have no serial but its own.
func fixed(z *zones.Zone) bool {
	return z != nil && z.Signed()
}

// behind says that the journal cannot take what is served: its serial is not newer than the one there.
func (z *state) behind() bool {
	return z.journaled.known && !newer(z.serial, z.journaled.serial)
}

// top returns the highest serial that z was served or journaled under: the content of a signed zone may be served under an
// older one than is journaled.
func (z *state) top() uint32 {
	if z.journaled.known && newer(z.journaled.serial, z.serial) {
		return z.journaled.serial
	}
	return z.serial
}

// fixedWarning says that the content of a signed zone changed, and its serial, which must be served, did not rise.
func (j *job) fixedWarning() (Warning, bool) {
	z, serial := j.z, j.Zone.Serial()
	last, any := z.serial, z.served != nil
	if !any {
		last, any = z.journaled.serial, z.journaled.known
	}
	if !j.differs || !any || z.reusable(j) || newer(serial, last) {
		return Warning{}, false
	}
	text := fmt.Sprintf("%s serial %d of the changed file is not newer than the one before, %d; the zone is signed, so it is served with it nevertheless,"+
		" but neither journaled nor mirrored, and secondaries do not notice: raise the serial and sign the zone again", z.origin, serial, last)
	return Warning{z.origin, zones.Problem{Severity: zones.Warning, Text: text}}, true
}
