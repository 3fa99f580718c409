package alias

// logLocked tells of a problem when it begins, becomes another one, or ends.
func (k *Keeper) logLocked(t *target) {
	k.tellHeldLocked(t)
	if t.Problem == t.log {
		return
	}
	switch t.log = t.Problem; {
	case t.Problem == "":
		k.opts.Log.Info("target of ALIAS records is resolved again", "target", t.Target)
	case len(t.held) > 0:
		k.opts.Log.Warn("target of ALIAS records is not resolved: questions for its addresses are answered SERVFAIL but where an owner still has those of another target", "target", t.Target, "why", t.Problem)
	case len(t.Addrs()) == 0:
		k.opts.Log.Warn("target of ALIAS records is not resolved: questions for its addresses are answered SERVFAIL", "target", t.Target, "why", t.Problem)
	default:
		k.opts.Log.Warn("target of ALIAS records is not resolved: its last good addresses stay", "target", t.Target, "why", t.Problem)
	}
}
