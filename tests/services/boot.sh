# A real systemd over a copy of this machine that is thrown away: bash boot.sh FOLDER FILES
# FOLDER is where everything that it writes lands, in memory; FILES holds what is laid over the copy, from its root on.
# Called in namespaces of its own for processes and mounts.
set -e
copy=$1 files=$2
mount -t tmpfs tmpfs "$copy"
mkdir "$copy/written" "$copy/work" "$copy/root"
mount -t overlay -o "lowerdir=/,upperdir=$copy/written,workdir=$copy/work" overlay "$copy/root"
root=$copy/root
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
cp -a "$files/." "$root"
chmod o+x "$root/root" # a Python that lives there must be seen by the service's own user
mount --make-rshared "$root" # as after a boot, or services do not see the credentials that systemd mounts for them
exec chroot "$root" /lib/systemd/systemd --system --unit=efiqa-test.target --log-target=journal
