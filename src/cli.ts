import { keepCompiledCode } from './compile-cache.ts'

keepCompiledCode()
await import('./commands/command-line.ts')
