package alias

// logLocked tells of a problem when it begins, becomes another one, or ends. heard says that a family has addresses all the same.
func (k *Keeper) logLocked(t *target, heard bool) {
	k.tellHeldLocked(t)
	if t.Problem == t.log {
		return
	}
	if t.log = t.Problem; t.Problem == "" {
		k.opts.Log.Info("target of ALIAS records is resolved again", "target", t.Target)
		return
	}
	k.opts.Log.Warn("target of ALIAS records is "+t.standing(heard), "target", t.Target, "why", t.Problem)
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
