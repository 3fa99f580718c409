package alias

import "container/heap"

// queue is targets by when they are due. A target knows its place.
type queue []*target

func (q *queue) put(t *target) {
	if t.place < 0 {
		heap.Push((*places)(q), t)
	}
}

func (q *queue) remove(t *target) {
	if t.place >= 0 {
		heap.Remove((*places)(q), t.place)
	}
}

// places is a queue as container/heap wants it.
type places []*target

func (p places) Len() int           { return len(p) }
func (p places) Less(i, j int) bool { return p[i].Next.Before(p[j].Next) }

func (p places) Swap(i, j int) {
	p[i], p[j] = p[j], p[i]
	p[i].place, p[j].place = i, j
}

func (p *places) Push(x any) {
	t := x.(*target)
	t.place = len(*p)
	*p = append(*p, t)
}

func (p *places) Pop() any {
	last := len(*p) - 1
	t := (*p)[last]
	(*p)[last], t.place = nil, -1
	*p = (*p)[:last]
	return t
}
