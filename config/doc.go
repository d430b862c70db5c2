// Package config reads what an operator writes: the node table, the settings in
// TOML, and ZooKeeper's zoo.cfg.
//
// Every reader returns all mistakes at once, as Problems, each with its file,
// line, value and fix. What is suspicious and works is a warning, not a mistake.
package config
