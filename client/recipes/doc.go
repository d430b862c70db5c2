// Package recipes builds what programs coordinate with out of a client.Client:
// Lock, RWLock, Semaphore, Election, Queue, Barrier, DoubleBarrier, Group,
// Counter and Room, a chat room.
//
// What holds for all of them.
//
//   - A recipe is one participant: make one for every goroutine that takes
//     part, over the same Client or not.
//   - A lost connection is not an error: requests are repeated on the next
//     server, and a write whose answer was lost is found again or made in a way
//     that it can't happen twice. What a method returns is therefore final,
//     except when its context ends: then the outcome of a write may be open.
//   - The end of the session is an error, client.ErrSessionExpired: everything
//     the participant held is gone, and the program starts anew with another
//     Client.
//   - Parents are made as persistent znodes when they are missing.
//   - The znodes have the names of kazoo's recipes where kazoo has the recipe
//     (Room has no counterpart), so both may be used on the same paths.
//
// A lock is a promise of the store and not of the clock: a program that was
// stopped for longer than its session timeout may believe that it holds a lock
// which has another owner by now. Held.Lost tells a running program in time; a
// stopped one is kept out only by its fencing token, if what it writes to
// refuses a token that is lower than one it has seen.
package recipes
