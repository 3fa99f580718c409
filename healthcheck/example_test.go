package healthcheck_test

import (
	"fmt"

	"github.com/mangrove-dns/mangrove/healthcheck"
	"github.com/mangrove-dns/mangrove/zones"
)

// Two addresses, the first of them dead: a Monitor's Verdict method takes the place of the function here.
func ExampleWithdraw() {
	www := zones.MustParseName("www.example.com")
	b := zones.NewBuilder(zones.MustParseName("example.com"))
	b.AddRRset(zones.RRset{Name: www, Type: 1, TTL: 300, Data: [][]byte{{192, 0, 2, 1}, {198, 51, 100, 1}}})
	loaded := b.Zone()

	rules := []healthcheck.Rule{{Name: www, Checks: []healthcheck.Check{healthcheck.Default()}}}
	dead := healthcheck.Targets(loaded, rules)[0].Key
	verdict := func(key healthcheck.Key) healthcheck.Verdict {
		if key == dead {
			return healthcheck.Verdict{State: healthcheck.Down, Reason: "https 192.0.2.1:443: connection refused, 3 of 3"}
		}
		return healthcheck.Verdict{State: healthcheck.Up}
	}
	changes, decisions := healthcheck.Withdraw(loaded, rules, verdict)
	fmt.Println(changes[0].New)
	fmt.Println(decisions[0])
	for _, m := range decisions[0].Left() {
		fmt.Println("without", m.Target, "because", m.Reason)
	}
	// Output:
	// www.example.com. 60 IN A 198.51.100.1
	// www.example.com. A: 1 of 2 up
	// without 192.0.2.1 because https 192.0.2.1:443: connection refused, 3 of 3
}
