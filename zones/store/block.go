package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// keyBlock is where Block is kept, as one of the small values.
const keyBlock = "serials/block"

// Block implements Store.
func (s *Bolt) Block(ctx context.Context) (uint32, error) {
	v, err := s.Meta(ctx, keyBlock)
	switch {
	case errors.Is(err, ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case len(v) != 4:
		return 0, fmt.Errorf("read %s: %w: %d octets", keyBlock, ErrCorrupt, len(v))
	}
	return binary.BigEndian.Uint32(v), nil
}

// SetBlock implements Store.
func (s *Bolt) SetBlock(ctx context.Context, n uint32) error {
	return s.SetMeta(ctx, keyBlock, binary.BigEndian.AppendUint32(nil, n))
}
