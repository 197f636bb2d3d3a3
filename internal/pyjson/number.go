package pyjson

import (
	"math"
	"strconv"
	"strings"
)

// Int gives the number of an int.
func Int[T ~int | ~int32 | ~int64](n T) Number { return Number(strconv.FormatInt(int64(n), 10)) }

// Float gives the number of a double as Python writes it: "0.1", "100000.0", "1e+16", "NaN".
func Float(f float64) Number { return Number(appendFloat(nil, f)) }

// IsInt tells whether Python reads the number as an int rather than a float.
func (n Number) IsInt() bool {
	return n != "" && !strings.ContainsAny(string(n), ".eEIN")
}

// IsFinite is false for NaN, the infinities, and a float that overflows to one.
func (n Number) IsFinite() bool {
	if n.IsInt() {
		return true
	}
	f, _ := strconv.ParseFloat(string(n), 64)
	return !math.IsInf(f, 0) && !math.IsNaN(f)
}

// Int64 gives the value of an int that fits.
func (n Number) Int64() (int64, bool) {
	v, err := strconv.ParseInt(string(n), 10, 64)
	return v, err == nil
}

// appendNumber writes the number as json.dumps does after json.loads: ints exact, "-0" as "0", floats by their
// shortest text that reads back the same.
func appendNumber(dst []byte, n Number) []byte {
	switch {
	case n == "-0":
		return append(dst, '0')
	case n.IsInt():
		return append(dst, n...)
	}
	f, _ := strconv.ParseFloat(string(n), 64) // out of range gives the infinity that Python gives
	return appendFloat(dst, f)
}

func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	if abs := math.Abs(f); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, c := range dst[start:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}
