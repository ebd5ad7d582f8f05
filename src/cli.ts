import './commands/command-line.ts'
