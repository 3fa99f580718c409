package live

// A block of serials is reserved for every zone at once, by one word in the store: while a run lasts, each zone may be
// served under so many serials above the newest one that it has in the journal. The block moves up with the journal, for
// nothing. After a crash the word is still there, and says how far any zone may have gone; a clean stop takes it back, once
// it has recorded the zones that stand elsewhere. What goes beyond the block, a serial that jumps with its file's, is
// reserved for its zone alone.

// maxBlock bounds the block: each crash adds one to it until what is behind the last one is recorded zone by zone.
const maxBlock = slack / 2

// limit returns the highest serial of z that may be served, where the store knows of z and of a block.
func (z *state) limit(block uint32) uint32 {
	switch {
	case !z.journaled.known:
		return z.reserved + block
	case newer(z.reserved, z.journaled.serial+block):
		return z.reserved
	}
	return z.journaled.serial + block
}

// within says whether z may be served under a serial: after a crash, the store would know that it may have been.
func (p *Publisher) within(z *state, serial uint32) bool {
	return z.held && !newer(serial, z.limit(p.block))
}

// nextBlock returns the block that is to be written: what the last run may have used is behind it.
func (p *Publisher) nextBlock() uint32 { return p.marked + p.opts.Block }

// asksLocked says whether the store has still to be told something before z has the serials that it asked for.
func (p *Publisher) asksLocked(z *state) bool {
	return !z.held || left(z.want, z.limit(p.block)) < p.opts.Block/2
}
