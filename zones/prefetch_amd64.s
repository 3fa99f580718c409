#include "textflag.h"

// func prefetchLine(p *byte)
TEXT ·prefetchLine(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	RET

// func prefetchNode(p *byte)
TEXT ·prefetchNode(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	PREFETCHT0 64(AX)
	PREFETCHT0 128(AX)
	PREFETCHT0 192(AX)
	RET

// func prefetchSlot(p *catalogSlot)
TEXT ·prefetchSlot(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	RET

// func prefetchZone(p *Zone)
TEXT ·prefetchZone(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	PREFETCHT0 64(AX)
	PREFETCHT0 128(AX)
	RET

// func prefetchString(s string)
TEXT ·prefetchString(SB), NOSPLIT, $0-16
	MOVQ s_base+0(FP), AX
	PREFETCHT0 (AX)
	RET
