package command

import "github.com/spf13/cobra"

// groups is the one list of commands: a new command is one line here.
var groups = []struct {
	id, title string
	commands  []func(*App) *cobra.Command
}{
	{"run", "Run:", []func(*App) *cobra.Command{
		upCommand,
		demoCommand,
		ingressCommand,
		enrollerCommand,
		notifierCommand,
		bridgeCommand,
		consoleCommand,
		lmsSimCommand,
	}},
	{"setup", "Set up:", []func(*App) *cobra.Command{
		configCommand,
		doctorCommand,
		readyCommand,
		migrateCommand,
		sourceCommand,
		subscriptionCommand,
		filterCommand,
		keyCommand,
		natsUserCommand,
		tokenCommand,
		clientCommand,
		rosterCommand,
		backupCommand,
		restoreCommand,
		manualCommand,
		versionCommand,
	}},
	{"look", "Look:", []func(*App) *cobra.Command{
		findCommand,
		webhookCommand,
		enrollmentCommand,
		eventCommand,
		deliveryCommand,
		replayCommand,
		learnerCommand,
		listenCommand,
		auditCommand,
	}},
}
