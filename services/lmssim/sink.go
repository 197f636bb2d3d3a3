package lmssim

type sink struct{}

func (s *sink) reset() {}
