# Run Vagrant's own WaitForCommunicator with the communicator of a locked-out server, its state's watcher being late.
#   ruby first_look.rb VAGRANTFILE ROUNDS SECONDS    prints how many rounds were content; SECONDS: how late it is
require "vagrant"

file, rounds, late = ARGV[0], Integer(ARGV[1]), Float(ARGV[2])
ARGV.clear
load file

communicator = Lab::LockedOut
settings = Struct.new(:vm).new(Struct.new(:boot_timeout).new(900))
Machine = Struct.new(:communicate, :config, :state)
machine = Machine.new(communicator.new(nil), settings, Struct.new(:id).new(:running))
silent = Object.new
def silent.output(_text) = nil

# The first thread that is made asks the communicator, the second watches the state.
Late = Module.new do
  define_method(:new) do |*given, &block|
    @made = (@made || 0) + 1
    return super(*given, &block) if @made.odd?
    super(*given) { sleep(late); block.call }
  end
end
Thread.singleton_class.prepend(Late)

content = 0
rounds.times do
  goes_on = ->(_env) { content += 1 }
  Vagrant::Action::Builtin::WaitForCommunicator.new(goes_on, {}, [:running]).call({ machine: machine, ui: silent })
rescue Vagrant::Errors::VMBootBadState => problem
  warn problem.message
end
puts content
