package cloudflare

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/miekg/dns"
)

// The LOC record (RFC 1876) counts thousandths of a second of arc from 2^31, centimetres from 100 km below the ellipsoid, and
// sizes as mantissa and exponent of ten centimetres.
const (
	locEquator  = 1 << 31
	locDatum    = 10_000_000 // centimetres
	locMaxPower = 9
)

func locData(rr *dns.LOC) (map[string]any, error) {
	if rr.Version != 0 {
		return nil, fmt.Errorf("LOC of version %d", rr.Version)
	}
	data := map[string]any{"altitude": decimal(int64(rr.Altitude)-locDatum, 2)}
	putAngle(data, "lat", rr.Latitude, "N", "S")
	putAngle(data, "long", rr.Longitude, "E", "W")
	for key, v := range map[string]uint8{"size": rr.Size, "precision_horz": rr.HorizPre, "precision_vert": rr.VertPre} {
		cm, err := locSize(v)
		if err != nil {
			return nil, err
		}
		data[key] = decimal(cm, 2)
	}
	return data, nil
}

// putAngle writes degrees, minutes, seconds and the direction.
func putAngle(data map[string]any, prefix string, v uint32, positive, negative string) {
	direction, n := positive, int64(v)-locEquator
	if n < 0 {
		direction, n = negative, -n
	}
	data[prefix+"_degrees"] = n / 3_600_000
	data[prefix+"_minutes"] = n / 60_000 % 60
	data[prefix+"_seconds"] = decimal(n%60_000, 3)
	data[prefix+"_direction"] = direction
}

// decimal writes v / 10^digits without going through floating point.
func decimal(v int64, digits int) json.Number {
	s := strconv.FormatFloat(float64(v)/math.Pow10(digits), 'f', digits, 64)
	return json.Number(s)
}

// locSize turns mantissa and exponent into centimetres. More than one nines' mantissa has no decimal spelling that comes back.
func locSize(v uint8) (int64, error) {
	mantissa, power := int64(v>>4), int(v&15)
	if mantissa > 9 || power > locMaxPower || mantissa == 0 && power != 0 {
		return 0, fmt.Errorf("LOC size %#x is none of RFC 1876", v)
	}
	return mantissa * int64(math.Pow10(power)), nil
}

func locRR(m members) (*dns.LOC, error) {
	rr := &dns.LOC{}
	rr.Latitude = m.angle("lat", 90, "N", "S")
	rr.Longitude = m.angle("long", 180, "E", "W")
	altitude := m.scaled("altitude", 100)
	rr.Size, rr.HorizPre, rr.VertPre = m.size("size"), m.size("precision_horz"), m.size("precision_vert")
	if altitude += locDatum; altitude < 0 || altitude > math.MaxUint32 {
		m.fail("altitude")
	}
	rr.Altitude = uint32(altitude)
	return rr, *m.err
}

// angle reads what putAngle wrote.
func (m members) angle(prefix string, most int64, positive, negative string) uint32 {
	n := m.scaled(prefix+"_degrees", 1)*3_600_000 + m.scaled(prefix+"_minutes", 1)*60_000 + m.scaled(prefix+"_seconds", 1000)
	if n < 0 || n > most*3_600_000 {
		m.fail(prefix + "_degrees")
	}
	switch m.text(prefix + "_direction") {
	case positive:
		return uint32(locEquator + n)
	case negative:
		return uint32(locEquator - n)
	}
	m.fail(prefix + "_direction")
	return 0
}

// size turns metres into mantissa and exponent, exactly or not at all.
func (m members) size(key string) uint8 {
	cm, power := m.scaled(key, 100), uint8(0)
	for cm >= 10 && cm%10 == 0 {
		cm /= 10
		power++
	}
	if cm < 0 || cm > 9 || power > locMaxPower {
		m.fail(key)
		return 0
	}
	return uint8(cm)<<4 | power
}
