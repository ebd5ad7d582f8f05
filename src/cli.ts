import { keepCompiledCode } from './compile-cache.ts'

keepCompiledCode()
await import('./command-line.ts')
