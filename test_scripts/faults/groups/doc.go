// Package groups gives servers under test less of the machine: a share of a
// processor, or less memory than they use. It needs root and control groups of
// either version.
package groups
