package auth

import (
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// attributeNames are those that RFC 2253 names; every other attribute is shown
// by its number, as Java does, so that ACLs made with either server match.
var attributeNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU",
	"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC",
}

// attribute is an AttributeTypeAndValue of X.501.
type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type relativeName []attribute

// subjectName writes an encoded X.501 name as RFC 2253 text, the most specific
// part first: CN=bob,OU=ops,O=example.
func subjectName(der []byte) (string, error) {
	var raw []asn1.RawValue
	rest, err := asn1.Unmarshal(der, &raw)
	if err != nil || len(rest) > 0 {
		return "", fmt.Errorf("the subject is not a name: %w, %d bytes behind it", err, len(rest))
	}
	slices.Reverse(raw)
	parts := make([]string, 0, len(raw))
	for _, r := range raw {
		var name relativeName
		if rest, err = asn1.UnmarshalWithParams(r.FullBytes, &name, "set"); err != nil || len(rest) > 0 {
			return "", fmt.Errorf("the subject is not a name: %w", err)
		}
		values := make([]string, 0, len(name))
		for _, a := range name {
			values = append(values, a.text())
		}
		parts = append(parts, strings.Join(values, "+"))
	}
	return strings.Join(parts, ","), nil
}

func (a *attribute) text() string {
	number := a.Type.String()
	name, named := attributeNames[number]
	value, ok := stringOf(&a.Value)
	if !named || !ok {
		if !named {
			name = number
		}
		return name + "=#" + hex.EncodeToString(a.Value.FullBytes)
	}
	return name + "=" + escape(value)
}

// tagUniversal is the one string of ASN.1 that package asn1 has no name for.
const tagUniversal = 28

// stringOf returns the bytes of a value as text, and false for what is no string.
// Java takes two-byte characters for UTF-8, too, and ACLs have to match.
func stringOf(v *asn1.RawValue) (string, bool) {
	if v.Class != asn1.ClassUniversal || v.IsCompound {
		return "", false
	}
	switch v.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagGeneralString, asn1.TagT61String, asn1.TagBMPString, tagUniversal:
		return string(v.Bytes), true
	}
	return "", false
}

// escape puts a backslash before what would end a value, and before blanks at
// its ends.
func escape(s string) string {
	var b strings.Builder
	first, last := len(s)-len(strings.TrimLeft(s, " ")), len(strings.TrimRight(s, " "))
	for i, r := range s {
		switch {
		case r == 0:
			b.WriteString(`\00`)
			continue
		case strings.ContainsRune(`,=+<>#;"\`, r), i < first, i >= last:
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
