// Package auth turns what a client offers into identities. What a connection may
// call itself is decided here, once, on the server that it is connected to; from
// then on the identities travel in its transactions, and no server's settings
// for authentication matter to what a transaction does.
//
//	scheme    how                                    identity
//	world     implicit                               anyone, which ACLs know by themselves
//	ip        implicit                               the client's address
//	digest    auth request, user:password            user:hash, never refused
//	sasl      sasl requests                          the user's name
//	x509      implicit with a client certificate     the subject of the certificate
//	ensemble  auth request, name of the ensemble     none; a wrong name ends the connection
//
// Some identities bring another one with them, tree.Super, which passes every
// ACL.
package auth
