import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** What Debian's own nginx.conf would include the configuration into, within one folder. */
const around = `
daemon off;
pid nginx.pid;
error_log stderr info;
events {}
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  include site.conf;
}
`

/** An nginx that listens. */
export interface Nginx {
  readonly port: number
  /** What it has written to its error log so far. */
  logged(): string
  stop(): Promise<void>
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' })
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return isOpen
}

/**
 * Runs the nginx of TEST_NGINX with a configuration that listens on that port, in a folder of the
 * test's. Its workers must be able to enter that, for nginx as root gives them to somebody else.
 *
 * @throws Error with what nginx wrote, when it does not start
 */
export async function startNginx(folder: string, site: string, port: number): Promise<Nginx> {
  await writeFile(join(folder, 'nginx.conf'), around)
  await writeFile(join(folder, 'site.conf'), site)
  const args = ['-e', 'stderr', '-p', `${folder}/`, '-c', 'nginx.conf']
  const child = spawn(process.env.TEST_NGINX ?? 'nginx', args, {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  let hasEnded = false
  const ended = once(child, 'close')
    .catch((error: unknown) => {
      log += String(error)
    })
    .then(() => {
      hasEnded = true
    })
  const stop = async (): Promise<void> => {
    // At once, and with its workers: a master that is killed would leave them behind.
    child.kill('SIGTERM')
    await ended
  }
  while (!hasEnded && !(await accepts(port))) await sleep(20)
  if (hasEnded) throw new Error(`nginx did not start:\n${log}`)
  return { port, logged: () => log, stop }
}
