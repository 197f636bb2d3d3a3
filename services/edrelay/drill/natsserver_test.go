package drill

import (
	"fmt"
	"os"

	"github.com/nats-io/nats-server/v2/server"
)

// asNATS names the environment variable that turns the test program into a nats-server with that configuration file.
const asNATS = "EDRELAY_DRILL_NATS"

func runNATS(file string) {
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	node, err := server.NewServer(options)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	node.ConfigureLogger()
	node.Start()
	node.WaitForShutdown()
}
