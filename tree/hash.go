package tree

import (
	"encoding/binary"
	"math/bits"
)

// Seeds keep the parts of a digest apart: equal bytes in different places must
// not cancel out.
const (
	seedACL     uint64 = 0x9ae16a3b2f90404f
	seedPath    uint64 = 0xc949c7defeb1e5a3
	seedData    uint64 = 0x7b1f3a5d9e8c6421
	seedSession uint64 = 0xd6e8feb86659fd93
	hashPrime1  uint64 = 0x9e3779b97f4a7c15
	hashPrime2  uint64 = 0xbf58476d1ce4e5b9
)

// mix folds a 128-bit product, which spreads every bit of a and b.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^hashPrime1, b^hashPrime2)
	return hi ^ lo ^ bits.RotateLeft64(a, 29)
}

// hashBytes is a plain 64-bit hash: the same on every machine and release, which
// a digest compared across servers needs. It does not resist an attacker.
func hashBytes[T ~string | ~[]byte](seed uint64, s T) uint64 {
	h := mix(seed, uint64(len(s)))
	if len(s) >= 32 {
		// Four chains, as each product waits for the one before it.
		a, b, c := h+hashPrime1, h+hashPrime2, h^hashPrime1
		for len(s) >= 32 {
			h, a = mix(h, word(s)), mix(a, word(s[8:]))
			b, c = mix(b, word(s[16:])), mix(c, word(s[24:]))
			s = s[32:]
		}
		h = mix(mix(h, a), mix(b, c))
	}
	for len(s) >= 8 {
		h = mix(h, word(s))
		s = s[8:]
	}
	if len(s) > 0 {
		var tail [8]byte
		copy(tail[:], s)
		h = mix(h, binary.LittleEndian.Uint64(tail[:]))
	}
	return h
}

func word[T ~string | ~[]byte](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
