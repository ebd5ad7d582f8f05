import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Running, startListening } from './running.ts'

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

/**
 * Runs the nginx of TEST_NGINX with a configuration that listens on that port, in a folder of the
 * test's. Its workers must be able to enter that, for nginx as root gives them to somebody else.
 *
 * @throws Error with what nginx wrote, when it does not start
 */
export async function startNginx(folder: string, site: string, port: number): Promise<Running> {
  await writeFile(join(folder, 'nginx.conf'), around)
  await writeFile(join(folder, 'site.conf'), site)
  const args = ['-e', 'stderr', '-p', `${folder}/`, '-c', 'nginx.conf']
  return await startListening(process.env.TEST_NGINX ?? 'nginx', args, port)
}
