package alias

import "time"

// again is how often a problem that goes on is told of.
const again = 24 * time.Hour

// logLocked tells of a problem when it begins, becomes another one, or ends, and again for each day that it goes on. heard says that a
// family has addresses all the same.
func (k *Keeper) logLocked(t *target, heard bool) {
	days := t.Days(time.Now())
	k.tellHeldLocked(t, days)
	if t.Problem == t.log && days == t.told {
		return
	}
	t.log, t.told = t.Problem, days
	switch {
	case t.Problem == "":
		k.opts.Log.Info("target of ALIAS records is resolved again", "target", t.Target)
	case days == 0:
		k.opts.Log.Warn("target of ALIAS records is "+t.standing(heard), "target", t.Target, "why", t.Problem)
	default:
		k.opts.Log.Warn("target of ALIAS records is "+t.standing(heard), "target", t.Target, "days", days, "why", t.Problem)
	}
}

// Days is for how many whole days there has been a problem: with last good addresses, for how many they were not heard.
func (s *State) Days(now time.Time) int {
	since := s.Failing
	if !s.Stale.IsZero() {
		since = s.Stale
	}
	if since.IsZero() {
		return 0
	}
	return int(max(0, now.Sub(since)) / again)
}

// standing says what comes of a problem.
func (t *target) standing(heard bool) string {
	switch {
	case len(t.held) > 0:
		return "not resolved: questions for its addresses are answered SERVFAIL but where an owner still has those of another target"
	case !t.has():
		return "not resolved: questions for its addresses are answered SERVFAIL"
	case !heard:
		return "not resolved: its last good addresses stay"
	case !t.Stale.IsZero():
		return "resolved in part: of the other family its last good addresses stay"
	case !t.Whole():
		return "resolved in part: questions for the other family are answered SERVFAIL"
	}
	return "resolved in part"
}
