import { consoleSource } from '../_qradar/source.ts';

export default consoleSource({
  id: 'jsa-login-attempts',
  title: 'Juniper JSA: login attempts to the console',
  vendor: 'Juniper',
  product: 'JSA',
  module: 'jsa',
});
