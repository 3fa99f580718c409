package cloudflare

import "fmt"

// Plan is what the zones' owner pays for. It decides limits.
type Plan string

// The plans that Cloudflare's limits tell apart.
const (
	PlanUnknown    Plan = ""           // batches as the zone itself says, else as for free; the rest as for paid
	PlanFree       Plan = "free"       // 200 operations a batch, TTL from 60, comments of 100 characters, no tags
	PlanPaid       Plan = "paid"       // Pro and Business: 3500 operations, TTL from 60, comments of 500, 20 tags
	PlanEnterprise Plan = "enterprise" // the same with TTL from 30
)

func (p Plan) check() error {
	switch p {
	case PlanUnknown, PlanFree, PlanPaid, PlanEnterprise:
		return nil
	}
	return fmt.Errorf("plan %q is none of free, paid, enterprise", p)
}

func (p Plan) minTTL() uint32 {
	if p == PlanEnterprise {
		return 30
	}
	return 60
}

func (p Plan) maxComment() int {
	if p == PlanFree {
		return 100
	}
	return 500
}

func (p Plan) maxTags() int {
	if p == PlanFree {
		return 0
	}
	return 20
}

// batchLimit is how many operations one batch may have, for a zone that shows the plan legacy.
func (p Plan) batchLimit(legacy string) int {
	const free, paid = 200, 3500
	switch p {
	case PlanFree:
		return free
	case PlanPaid, PlanEnterprise:
		return paid
	}
	switch legacy {
	case "pro", "business", "enterprise":
		return paid
	}
	return free
}
