// Command edrelay carries events between the world and Open edX over NATS JetStream.
package main

func main() {}
