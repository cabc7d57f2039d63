"""The page: five steps and the history of runs. Imports only distill_core's front door and itself."""
