package command

import (
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/assembly"
	"github.com/edrelay/edrelay/services/edrelay/config"
	"github.com/edrelay/edrelay/services/lmssim"
)

func lmsSimCommand(a *App) *cobra.Command {
	var addr, state, profile string
	cmd := &cobra.Command{
		Use: "lms-sim", Short: "Run the simulated Open edX alone",
		Long: `Run a simulated Open edX: tokens, bulk enrolment, accounts, courses, redirects, throttle and faults, as the real
platform answers them. State lives in memory; it is arranged and looked at under /_sim/.`,
		Example: `  edrelay lms-sim --addr 127.0.0.1:18000
  edrelay lms-sim --addr 127.0.0.1:18000 --state campus.json --profile ulmo`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sim := lmssim.New(lmssim.Options{Logger: assembly.NewLogger(config.Log{Level: "info"}, a.Err)})
			if err := sim.Configure(lmssim.Settings{Profile: lmssim.Profile(profile)}); err != nil {
				return usageError{cmd.CommandPath(), err}
			}
			if err := loadState(sim, state); err != nil {
				return err
			}
			listener, err := net.Listen("tcp", addr)
			if err != nil {
				return &relay.Error{Code: relay.CodeUnavailable, Message: "Can't listen on " + addr + ".", Err: err, Hint: "Give a free address with --addr."}
			}
			fmt.Fprintf(a.Out, "Simulated Open edX on http://%s (control: http://%s/_sim/)\n", listener.Addr(), listener.Addr())
			return sim.Serve(cmd.Context(), listener)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:18000", "address to listen on")
	cmd.Flags().StringVar(&state, "state", "", "JSON file of users, courses, clients and redirects to begin with")
	cmd.Flags().StringVar(&profile, "profile", "teak", "generation of the platform: teak, ulmo or next")
	return cmd
}

func loadState(sim *lmssim.Server, name string) error {
	if name == "" {
		return nil
	}
	file, err := os.Open(name)
	if err != nil {
		return &relay.Error{Code: relay.CodeInvalid, Message: "The state can't be read.", Err: err, Hint: "Give a JSON file with --state."}
	}
	defer file.Close()
	if err := sim.LoadJSON(file); err != nil {
		return &relay.Error{Code: relay.CodeInvalid, Message: name + " is no state of the simulator.", Err: err, Hint: "services/lmssim/README.md shows one."}
	}
	return nil
}
